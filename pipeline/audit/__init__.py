"""What people see of a corpus: real rows with their reasons, figures, and the page of both."""
