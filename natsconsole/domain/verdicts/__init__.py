"""Why is it stuck: rules that turn figures into a sentence, its evidence and what to do."""
