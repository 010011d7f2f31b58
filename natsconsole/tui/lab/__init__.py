"""The ack lab: guided scenes, each with a way back."""
