"""RSpec documents, and the GENI interfaces as their clients call them."""
