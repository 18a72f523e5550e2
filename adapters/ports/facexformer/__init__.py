"""FaceXFormer: one network for many questions about a face, of which this one answers four; see modeling.py."""

from adapters.ports.facexformer.configuration import FaceXFormerConfig
from adapters.ports.facexformer.modeling import UNREAD, FaceXFormer

__all__ = ["UNREAD", "FaceXFormer", "FaceXFormerConfig"]
