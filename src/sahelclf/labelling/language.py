"""The language of a text, recognised off-line by py3langid; 'und' where there is too little to tell."""

FEWEST_LETTERS = 12
READ = 300  # characters; reading on changes the answer of a news text rarely, and takes as long as labelling it


def recognise(text: str) -> str:
    """ISO 639-1 code."""
    import py3langid

    head = text[:READ]
    if sum(c.isalpha() for c in head) < FEWEST_LETTERS:
        return "und"
    return str(py3langid.classify(head)[0])
