"""A picture of a dashboard without Grafana: its panels, drawn from what a Prometheus answers.

    python -m dashboards.picture --prometheus http://localhost:9090 --range 15m

It reads the checked-in JSON: places, titles, units, thresholds and queries are the dashboard's own.
"""
