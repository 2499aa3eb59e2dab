"""Whole files: `probe` finds and tells them apart, `scanner` judges them, `html_report` and `heatmap` show why."""
