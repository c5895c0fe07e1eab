"""Aligns with OpenCV, TurboReg and SimpleITK on request of `benches/alignment`, which says what is measured.

Each function returns one of no arguments that aligns and returns the matrix from fixed to moving pixels, nine numbers,
not finite where it gave up; or None where the library has not the model. Pixels are converted beforehand.
"""

import numpy as np

FAILED = np.full(9, np.nan)


def opencv(cv2, method, model, fixed, moving, start):
    motion = {
        "translation": cv2.MOTION_TRANSLATION,
        "euclidean": cv2.MOTION_EUCLIDEAN,
        "affine": cv2.MOTION_AFFINE,
        "homography": cv2.MOTION_HOMOGRAPHY,
    }.get(model)
    if motion is None:
        return None
    rows = 3 if model == "homography" else 2
    # The defaults of OpenCV but for the criteria: its 50 iterations to 1e-3 are often too few.
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-6)

    def align():
        warp = start[:rows].astype("f4")
        try:
            if method == "multiscale":
                parameters = cv2.ECCParameters()
                parameters.motionType = motion
                _, warp = cv2.findTransformECCMultiScale(fixed, moving, warp, parameters)
            else:
                _, warp = cv2.findTransformECC(fixed, moving, warp, motion, criteria, None, 5)
        except cv2.error:
            return FAILED
        return np.vstack([warp.astype("f8"), np.eye(3)[rows:]]).ravel()

    return align


class TurboReg:
    def __init__(self):
        from importlib.metadata import version

        import pystackreg

        self.StackReg, self.version = pystackreg.StackReg, version("pystackreg")

    def align(self, method, model, fixed, moving, start):
        modes = {
            "translation": self.StackReg.TRANSLATION,
            "euclidean": self.StackReg.RIGID_BODY,
            "similarity": self.StackReg.SCALED_ROTATION,
            "affine": self.StackReg.AFFINE,
        }
        # It has a bilinear model, but no homography; it starts at the identity, and its images are of one size.
        if model not in modes or fixed.shape != moving.shape or (start != np.eye(3)).any():
            return None
        fixed, moving, stack = fixed.astype("f8"), moving.astype("f8"), self.StackReg(modes[model])
        return lambda: stack.register(fixed, moving).ravel()


class SimpleITK:
    def __init__(self):
        import SimpleITK

        self.itk, self.version = SimpleITK, SimpleITK.Version_VersionString()
        SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)

    def align(self, method, model, fixed, moving, start):
        itk = self.itk
        if model == "homography" or (start != np.eye(3)).any():
            return None
        height, width = fixed.shape
        fixed, moving = (itk.GetImageFromArray(image.astype("f4")) for image in (fixed, moving))

        def align():
            transform = {
                "translation": lambda: itk.TranslationTransform(2),
                "euclidean": itk.Euler2DTransform,
                "similarity": itk.Similarity2DTransform,
                "affine": lambda: itk.AffineTransform(2),
            }[model]()
            if model != "translation":
                transform.SetCenter(((width - 1) / 2, (height - 1) / 2))
            registration = itk.ImageRegistrationMethod()
            if method == "correlation":
                registration.SetMetricAsCorrelation()
            else:
                registration.SetMetricAsMattesMutualInformation(numberOfHistogramBins=32)
            registration.SetInterpolator(itk.sitkLinear)
            registration.SetOptimizerAsRegularStepGradientDescent(
                learningRate=1.0, minStep=1e-4, numberOfIterations=200, gradientMagnitudeTolerance=1e-8
            )
            registration.SetOptimizerScalesFromPhysicalShift()
            registration.SetShrinkFactorsPerLevel([4, 2, 1])
            registration.SetSmoothingSigmasPerLevel([2, 1, 0])
            registration.SetInitialTransform(transform, inPlace=True)
            try:
                registration.Execute(fixed, moving)
            except RuntimeError:
                return FAILED
            x, y, one = (np.array(transform.TransformPoint(p)) for p in ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0)))
            return np.array([[x[0] - one[0], y[0] - one[0], one[0]], [x[1] - one[1], y[1] - one[1], one[1]], [0, 0, 1]]).ravel()

        return align
