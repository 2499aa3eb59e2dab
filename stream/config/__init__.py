"""What a run is told: `settings` declare each option once, `build` fills them from command line and YAML file."""
