"""The programs that the receiver is measured against."""
