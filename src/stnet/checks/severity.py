"""How bad a finding of the leak table is."""

ERROR, WARNING, KNOWN, CLEAR = "error", "warning", "known", "clear"
