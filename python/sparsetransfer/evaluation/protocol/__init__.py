"""What is evaluated: the design, the protocol, the splits and the choice of settings."""
