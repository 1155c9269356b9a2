"""scikit-learn alone, with the settings of its own example (Classification of text documents using
sparse features).
"""

from job import run
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline


def fit(job):
    vectorizer = TfidfVectorizer(sublinear_tf=True, max_df=0.5, min_df=5, stop_words="english")
    model = make_pipeline(vectorizer, OneVsRestClassifier(LogisticRegression(C=5, max_iter=1000)))
    model.fit(job["texts"], job["y"])
    return model.predict_proba, {"terms": len(vectorizer.vocabulary_)}


if __name__ == "__main__":
    run(fit, ["scikit-learn", "numpy"])
