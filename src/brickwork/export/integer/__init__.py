"""Networks in eight-bit integers: one quantised network that all integer writers read.

``network`` is what it is, ``fixed`` its arithmetic and ``shares`` its softmax, ``folding`` how
weights come into a program, ``floats`` the same program in floating point, ``ranges`` what
activations reach, ``quantizing`` puts these together, and ``reference`` runs the result bit by bit
as TensorFlow Lite Micro does.
"""
