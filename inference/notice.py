"""What every answer says of itself."""

NOTICE = "Research use only. Not a medical device; not for diagnosis."
