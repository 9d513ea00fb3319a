"""The cascade forest DF21: its layers, its training rows, its parameters and its optional head."""
