import sys, types

m = types.ModuleType("pipeline.acceptance_form")
m.form_for = lambda *a, **k: b"%PDF-x"
sys.modules["pipeline.acceptance_form"] = m
