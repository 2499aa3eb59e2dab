"""What a run is told: `settings` holds it, `yaml_file` reads it from a file, `convert` says what each value may be."""
