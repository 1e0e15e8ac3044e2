"""RSpec documents: one value for what is offered, asked for or given, and the three spellings that travel."""
