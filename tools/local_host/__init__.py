"""The local host: the functions app on a developer's machine, run by Azure's own Python runtime.

``python -m tools.local_host`` puts a web server in front of ``azure-functions-runtime``, the
library with which Azure's worker runs apps on Python 3.13. It stands in for the part that Azure
writes in .NET (routes, keys, limits), so that an app answers here as it does there, without the
Core Tools. ``worker.Worker`` alone invokes functions in this process, without HTTP.
"""
