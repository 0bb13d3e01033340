"""Disposable real hosts on one Linux machine: to practise on, and to prove things on."""
