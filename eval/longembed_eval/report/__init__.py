"""A benchmark's results as one HTML file: see :func:`longembed_eval.report.html.render_report`."""
