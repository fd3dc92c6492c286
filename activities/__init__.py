"""What is done to the world, once each."""
