"""The benchmark: what the design promises, measured against the usual way in the same run.

``python -m tools.bench`` runs the modules ``cold``, ``warm``, ``overhead``, ``gate``, ``memory``,
``package`` and ``parity``; their functions ``measure…(plan) -> Measurement`` do the work. ``ours`` and
``keras_way`` are the two sides; each runs in processes of its own.
"""
