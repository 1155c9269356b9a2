# One topic of {{ units }} in R: the sample alone with survey, and design-based supervised learning with dsl.
{% for name, column in renamed.items() %}
# {{ name }} is the column {{ column }}
{% endfor %}
units <- read.csv("{{ units }}", encoding = "UTF-8", colClasses = c({% for name in text %}{{ name }} = "character"{{ ", " if not loop.last }}{% endfor %}))

library(survey)   # install.packages("survey")
options(survey.lonely.psu = "adjust")   # a stratum of which one unit was drawn
coded <- units[units$coded == 1, ]
design <- svydesign(ids = ~{{ cluster or 1 }}, strata = ~stratum, probs = ~sampling_probability, data = coded{{ ", nest = TRUE" if cluster }})
print(svymean(~{{ topic }}_gold, design))
{% if by %}
print(svyby(~{{ topic }}_gold, ~{{ by | join(" + ") }}, design, svymean))
{% endif %}

library(dsl)      # devtools::install_github("naoki-egami/dsl")
print(summary(dsl(model = "lm", formula = {{ topic }}_gold ~ 1, predicted_var = "{{ topic }}_gold",
  prediction = "{{ topic }}_predicted", data = units, {% if cluster %}cluster = "{{ cluster }}", {% endif %}sample_prob = "sampling_probability")))
