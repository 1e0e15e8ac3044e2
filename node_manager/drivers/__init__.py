"""What makes slivers: few verbs, each of which may be repeated without harm."""
