"""Posts: what makes a person an officer, by their own right or standing in for somebody, from one day to another."""
