"""What the peers are, in a line."""
import importlib
import platform

from protocol import serve

found = [f"Python {platform.python_version()}"]
for name, shown in (("torch", "PyTorch"), ("onnxruntime", "ONNX Runtime")):
    try:
        found.append(f"{shown} {importlib.import_module(name).__version__}")
    except ImportError:
        found.append(f"{shown} not installed")
serve({}, {"text": ", ".join(found)})
