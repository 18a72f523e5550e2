"""Fine-tuning of the models the paper fine-tunes: the evaluation's own prompts, the label spaces' own words."""
