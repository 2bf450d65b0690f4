"""The longest texts that template.yaml takes, in characters. A test holds them to the template."""

LONGEST = {"UrlMap": 1100, "PathTransformations": 400, "Dependents": 250}
