"""Times OpenCV and PyTorch on request, as `src/main.rs` does nonius and the Rust peers (the protocol is there).

`compare.py` starts it as `worker.py opencv`, once for each version of OpenCV, and as `worker.py torch`;
`benches/alignment` as `worker.py opencv`, `turboreg` and `simpleitk`.
"""

import sys
import time
from pathlib import Path

import numpy as np

import aligners

# Pixels and their channels.
PIXELS = {"u8": ("u1", 1), "u8x3": ("u1", 3), "u16": ("u2", 1), "i16": ("i2", 1), "f32": ("f4", 1)}


class OpenCV:
    def __init__(self):
        import cv2

        cv2.setNumThreads(1)
        self.cv2, self.version = cv2, cv2.__version__
        self.kernels = {
            "nearest": cv2.INTER_NEAREST,
            "bilinear": cv2.INTER_LINEAR,
            "bicubic": cv2.INTER_CUBIC,
            "lanczos4": cv2.INTER_LANCZOS4,
        }

    def prepare(self, operation, kernel, pixel, shape, read):
        """A function of no arguments that returns the output, or None."""
        if operation not in ("affine", "homography", "map"):
            return None
        cv2, (_, _, height, width) = self.cv2, shape
        dtype, channels = PIXELS[pixel]
        source = read("source", dtype).reshape((height, width, channels)).squeeze()
        out = np.empty_like(source)
        how = {"dst": out, "borderMode": cv2.BORDER_CONSTANT}
        flags = self.kernels[kernel]
        if operation == "affine":
            matrix = read("matrix", "f8").reshape(3, 3)[:2].copy()
            return lambda: cv2.warpAffine(
                source, matrix, (width, height), flags=flags | cv2.WARP_INVERSE_MAP, **how
            )
        if operation == "homography":
            matrix = read("matrix", "f8").reshape(3, 3)
            return lambda: cv2.warpPerspective(
                source, matrix, (width, height), flags=flags | cv2.WARP_INVERSE_MAP, **how
            )
        x, y = (read(name, "f4").reshape(height, width) for name in ("map_x", "map_y"))
        return lambda: cv2.remap(source, x, y, flags, **how)

    def align(self, method, model, fixed, moving, start):
        return aligners.opencv(self.cv2, method, model, fixed, moving, start)


class PyTorch:
    MODES = {"nearest": 1, "bilinear": 0, "bicubic": 2}

    def __init__(self):
        import torch

        torch.set_num_threads(1)
        self.torch, self.version = torch, torch.__version__.split("+")[0]

    def prepare(self, operation, kernel, pixel, shape, read):
        """As OpenCV's."""
        if operation not in ("forward", "grid", "both", "theta"):
            return None
        torch, functional = self.torch, self.torch.nn.functional
        n, _, height, width = shape

        def tensor(name, *shape):
            return torch.from_numpy(read(name, "f4").reshape(shape))

        source, how = tensor("source", *shape), {"padding_mode": "zeros", "align_corners": False}
        if operation == "theta":
            theta, target = tensor("theta", n, 2, 3).requires_grad_(), tensor("target", *shape)

            def descend():
                grid = functional.affine_grid(theta, shape, align_corners=False)
                loss = functional.mse_loss(functional.grid_sample(source, grid, mode=kernel, **how), target)
                (gradient,) = torch.autograd.grad(loss, theta)
                return np.concatenate([[loss.item()], gradient.numpy().ravel()]).astype("f8")

            return descend
        grid = tensor("grid", n, height, width, 2)
        if operation == "forward":
            return lambda: functional.grid_sample(source, grid, mode=kernel, **how).numpy()
        cotangent = tensor("cotangent", *shape)
        which = [operation == "both", True]

        # What autograd calls, alone.
        def backward():
            gradients = torch.ops.aten.grid_sampler_2d_backward(
                cotangent, source, grid, self.MODES[kernel], 0, False, which
            )
            return [g.numpy() for g in reversed(gradients) if g is not None]

        return backward


def main():
    libraries = {"opencv": OpenCV, "torch": PyTorch, "turboreg": aligners.TurboReg, "simpleitk": aligners.SimpleITK}
    library = libraries[sys.argv[1]]()
    calls, outputs = [], {}
    for line in sys.stdin:
        match line.split():
            case ["version"]:
                answer = library.version
            case ["prepare", _, operation, kernel, pixel, shape, directory]:
                shape = tuple(map(int, shape.split(",")))
                read = lambda name, dtype: np.fromfile(Path(directory) / name, dtype)
                call = library.prepare(operation, kernel, pixel, shape, read)
                answer = f"ready {len(calls)}" if call else "absent"
                calls.append(call)
            case ["align", method, model, shape, directory]:
                height, width, *moving = map(int, shape.split(","))
                read = lambda name, dtype: np.fromfile(Path(directory) / name, dtype)
                fixed, moving = read("fixed", "u1").reshape(height, width), read("moving", "u1").reshape(moving)
                call = library.align(method, model, fixed, moving, read("start", "f8").reshape(3, 3))
                answer = f"ready {len(calls)}" if call else "absent"
                calls.append(call)
            case ["time", id, repeat]:
                call, repeat = calls[int(id)], int(repeat)
                start = time.process_time_ns()
                for _ in range(repeat):
                    output = call()
                answer = (time.process_time_ns() - start) / repeat
                outputs[int(id)] = output
            case ["write", id, file]:
                output = outputs[int(id)]
                parts = output if isinstance(output, list) else [output]
                Path(file).write_bytes(b"".join(np.ascontiguousarray(part).tobytes() for part in parts))
                answer = "written"
            case ["forget"]:
                calls.clear()
                outputs.clear()
                answer = "forgotten"
            case words:
                raise ValueError(words)
        print(answer, flush=True)


if __name__ == "__main__":
    main()
