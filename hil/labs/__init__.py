"""The built-in labs: from a seed to true parameters, cables and a lab.toml with honest design errors."""
