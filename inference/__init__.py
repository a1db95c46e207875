"""Bytes of a chest radiograph in, an explained answer out."""
