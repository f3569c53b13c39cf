"""Optuna on the test functions of tests/improve/functions.h. Commands: `tpe FUNCTION SEED TRIALS`, `cma FUNCTION SEED TRIALS`;
the answer holds the best value after each trial."""
import math
import warnings

import optuna
from protocol import serve

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore")


def branin(x):
    a = x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6
    return a * a + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10


def hartmann(x):
    alpha = [1.0, 1.2, 3.0, 3.2]
    a = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
    p = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ]
    return -sum(c * math.exp(-sum(ai * (xi - pi) ** 2 for ai, xi, pi in zip(ar, x, pr))) for c, ar, pr in zip(alpha, a, p))


def rosenbrock(x):
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(x, x[1:]))


FUNCTIONS = {
    "Branin": (branin, [(-5, 10), (0, 15)]),
    "Hartmann": (hartmann, [(0, 1)] * 6),
    "Rosenbrock": (rosenbrock, [(-2, 2)] * 4),
}


def run(make):
    def answer(argument):
        name, seed, trials = argument.split()
        function, box = FUNCTIONS[name]
        study = optuna.create_study(sampler=make(int(seed)))
        best = []

        def objective(trial):
            y = function([trial.suggest_float(f"x{i}", low, high) for i, (low, high) in enumerate(box)])
            best.append(min(best[-1], y) if best else y)
            return y

        study.optimize(objective, n_trials=int(trials))
        return {"best": best}

    return answer


serve(
    {
        "tpe": run(lambda seed: optuna.samplers.TPESampler(multivariate=True, seed=seed)),
        "cma": run(lambda seed: optuna.samplers.CmaEsSampler(seed=seed)),
    },
    {"optuna": optuna.__version__},
)
