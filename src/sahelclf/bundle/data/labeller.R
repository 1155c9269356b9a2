# Reads a linear labeller with base R and jsonlite, and labels texts as sahelclf does (to 1e-6).
#
#   source("labeller.R")
#   labeller <- read_labeller("folder")
#   check_labeller(labeller)                      # compares with the golden outputs
#   labels <- label(labeller, c("A first text.", "A second."))

read_labeller <- function(folder) {
  about <- jsonlite::fromJSON(file.path(folder, "labeller.json"), simplifyDataFrame = FALSE, simplifyMatrix = FALSE)
  weights <- file.path(folder, "weights.npz")
  for (i in seq_along(about$blocks)) about$blocks[[i]]$idf <- read_array(weights, sprintf("idf%d", i - 1))
  about$coef <- read_array(weights, "coef")
  about$intercept <- read_array(weights, "intercept")
  about
}

# One array of numpy's npz, which is a zip of npy files: a header in text, then the numbers.
read_array <- function(path, name) {
  con <- unz(path, paste0(name, ".npy"), open = "rb")
  on.exit(close(con))
  start <- readBin(con, "raw", 8)
  stopifnot(rawToChar(start[2:6]) == "NUMPY")
  size <- readBin(con, "integer", 1, size = if (start[7] == as.raw(1)) 2 else 4, signed = start[7] != as.raw(1), endian = "little")
  header <- rawToChar(readBin(con, "raw", size))
  stopifnot(grepl("'descr': '<f8'", header, fixed = TRUE))
  shape <- sub(".*'shape': \\(([^)]*)\\).*", "\\1", header)
  shape <- as.integer(regmatches(shape, gregexpr("[0-9]+", shape))[[1]])
  numbers <- readBin(con, "double", prod(shape), endian = "little")
  stopifnot(length(numbers) == prod(shape))
  if (length(shape) == 1) return(numbers)
  matrix(numbers, shape[1], shape[2], byrow = !grepl("'fortran_order': True", header, fixed = TRUE))
}

SPACES <- "[\\s\u001c-\u001f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
REFERENCE <- "&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});"
SOFT_HYPHENS <- paste0("\u00ad+(?:[ \t]*\r?\n[ \t]*(?!", SPACES, "|\\z))?")

# The text rule of the bundle: character references, soft hyphens and invisible characters, until nothing changes.
# (The rule's NFC changes nothing that the next step does not undo, but for two characters that become ASCII.)
clean <- function(labeller, text) {
  text <- enc2utf8(text)
  if (labeller$text$rule == "as_given") return(text)
  repeat {
    before <- text
    at <- gregexpr(REFERENCE, text, perl = TRUE)
    if (at[[1]][1] > 0) {
      regmatches(text, at) <- list(vapply(regmatches(text, at)[[1]], character_of, "", labeller = labeller))
    }
    points <- utf8ToInt(text)
    text <- intToUtf8(points[!points %in% setdiff(labeller$invisible, 173L)])
    text <- gsub(SOFT_HYPHENS, "", text, perl = TRUE)
    text <- chartr("\u037e\u212a", ";K", text)
    if (identical(text, before)) return(text)
  }
}

# The character of a reference such as &eacute; or &#233;.
character_of <- function(reference, labeller) {
  name <- substr(reference, 2, nchar(reference) - 1)
  number <- NA
  if (startsWith(name, "#")) {
    digits <- substring(name, 2)
    number <- as.numeric(sub("^[xX]", "0x", digits))
    name <- paste0("#", format(number, scientific = FALSE))
  }
  at <- match(name, labeller$references$from)
  if (!is.na(at)) return(labeller$references$to[at])
  if (is.na(number)) return(reference)
  if (number > 1114111 || (number >= 55296 && number <= 57343)) return("\ufffd")
  intToUtf8(number)
}

# Lower case, compatibility decomposition, no combining marks.
normalise <- function(labeller, text) {
  points <- utf8ToInt(text)
  if (length(points) == 0) return("")
  if (all(points < 128)) return(tolower(text))
  text <- gsub("(?<=[\\p{Lu}\\p{Ll}\\p{Lt}\\p{M}])\u03a3(?!\\p{M}*[\\p{Lu}\\p{Ll}\\p{Lt}])", "\u03c2", text, perl = TRUE)
  points <- utf8ToInt(text)
  upper <- points >= 65 & points <= 90
  points[upper] <- points[upper] + 32L
  pieces <- intToUtf8(points, multiple = TRUE)
  at <- match(points, labeller$characters$from)
  pieces[!is.na(at)] <- labeller$characters$to[at[!is.na(at)]]
  paste(pieces, collapse = "")
}

word_terms <- function(text, sizes) {
  words <- regmatches(text, gregexpr("[\\p{L}\\p{N}_]{2,}", text, perl = TRUE))[[1]]
  runs <- lapply(seq(sizes[1], sizes[2]), function(n) {
    if (length(words) < n) return(character())
    do.call(paste, lapply(seq_len(n), function(k) words[seq(k, length(words) - n + k)]))
  })
  unlist(runs)
}

character_terms <- function(text, sizes) {
  words <- strsplit(text, paste0(SPACES, "+"), perl = TRUE)[[1]]
  of_word <- function(word) {
    word <- paste0(" ", word, " ")
    size <- nchar(word, "chars")
    terms <- character()
    for (n in seq(sizes[1], sizes[2])) {
      at <- seq_len(max(1, size - n + 1))
      terms <- c(terms, substring(word, at, at + n - 1))
      if (size <= n) break
    }
    terms
  }
  unlist(lapply(words[nzchar(words)], of_word))
}

# Logits of one text: counts, their logarithm, idf, norm, times the weights.
logits <- function(labeller, text) {
  text <- normalise(labeller, clean(labeller, text))
  total <- labeller$intercept
  start <- 0
  for (block in labeller$blocks) {
    terms <- if (block$analyzer == "word") word_terms else character_terms
    ids <- match(terms(text, block$ngram_range), block$terms)
    counts <- table(ids[!is.na(ids)])
    ids <- as.integer(names(counts))
    if (length(ids) > 0) {
      values <- if (block$norm == "presence") rep(1, length(ids)) else as.numeric(counts)
      if (block$sublinear_tf) values <- 1 + log(values)
      values <- values * block$idf[ids]
      if (block$norm == "l2") values <- values / sqrt(sum(values^2))
      total <- total + as.vector(values %*% labeller$coef[start + ids, , drop = FALSE])
    }
    start <- start + length(block$terms)
  }
  total
}

# The flat table: for each topic its probability, whether it holds, its stance and the stances' probabilities.
label <- function(labeller, texts, ids = as.character(seq_along(texts) - 1)) {
  p <- 1 / (1 + exp(-t(vapply(texts, function(x) logits(labeller, x), labeller$intercept, USE.NAMES = FALSE))))
  colnames(p) <- labeller$heads
  rows <- data.frame(id = ids)
  for (topic in labeller$topics) {
    rows[[paste0(topic, "_probability")]] <- p[, topic]
    rows[[paste0(topic, "_holds")]] <- p[, topic] >= labeller$thresholds[[topic]]
    if (length(labeller$stances) == 0) next
    rows[[paste0(topic, "_stance")]] <- NA_character_
    stance <- p[, paste0(topic, "=", labeller$stances), drop = FALSE]
    stance[rowSums(stance) == 0, ] <- 1
    stance <- stance / rowSums(stance)
    likeliest <- labeller$stances[apply(stance, 1, which.max)]
    holds <- rows[[paste0(topic, "_holds")]]
    rows[[paste0(topic, "_stance")]][holds] <- likeliest[holds]
    for (k in seq_along(labeller$stances)) rows[[paste0(topic, "_", labeller$stances[k])]] <- stance[, k]
  }
  rows
}

# Stops where a golden text's probabilities differ by more than 1e-6; returns the largest difference.
check_labeller <- function(labeller) {
  differs <- vapply(labeller$golden, function(one) {
    max(abs(1 / (1 + exp(-logits(labeller, one$text))) - 1 / (1 + exp(-one$logits))))
  }, 0)
  if (max(differs) > 1e-6) stop("probabilities differ by ", max(differs), " on golden text ", which.max(differs))
  max(differs)
}
