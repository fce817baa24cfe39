"""The service's tensors from and to NumPy. Import it after harness.generate: it needs the
generated classes."""

import numpy
from chainrule.v1 import tensor_pb2


def tensor(array):
    """As float32."""
    array = numpy.asarray(array, dtype=numpy.float32)
    return tensor_pb2.Tensor(shape=array.shape, raw=array.tobytes())


def tensor64(array):
    """As float64, which the server rounds."""
    array = numpy.asarray(array, dtype=numpy.float64)
    return tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_FLOAT64, shape=array.shape,
                             raw=array.tobytes())


def array_of(message):
    """Of a tensor that came as raw float32, as float64."""
    return numpy.frombuffer(message.raw, numpy.float32).reshape(message.shape).astype(float)
