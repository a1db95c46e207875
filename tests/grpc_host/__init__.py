"""Azure's own protocol between host and Python worker, spoken over a real socket for the tests.

In Azure a request does not reach the Python process as HTTP: the host, written in .NET, sends it as
a protobuf message over gRPC (``FunctionRpc.EventStream``). Here ``host`` plays the host, ``worker``
the worker in a process of its own, and ``protocol`` fetches the generated message classes, which
are not part of this repository.
"""
