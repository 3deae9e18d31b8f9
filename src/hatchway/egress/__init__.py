"""The outside half of egress: the broker through which alone a guest's requests leave."""
