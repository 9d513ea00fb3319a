"""The pipelines: thin nodes over the library, wired through the catalog."""
