"""The pages of the API's reference, each with a call that was made and the answer that it got."""
