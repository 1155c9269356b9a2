"""Models give logits; deciding labels is evaluation's work."""
