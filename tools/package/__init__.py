"""The deployment package: what Azure gets, built here once, byte for byte the same each time.

``python -m tools.package`` builds it; ``python -m tools.package --check FILE`` holds one against its
bars: its size, and a first answer in an interpreter that has nothing but the package.
"""
