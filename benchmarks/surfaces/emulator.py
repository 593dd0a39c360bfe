"""How well the emulators predict merges that they have not seen; fits them with --fit.

    python benchmarks/surfaces/emulator.py                    # the table, from stored data alone
    python benchmarks/surfaces/emulator.py --fit              # fit and store first (minutes)
    python benchmarks/surfaces/emulator.py --compare          # beside trees (needs scikit-learn)

Every point is predicted by networks that saw neither it nor any point of its search (see
proposals.py), so by a quarter of the emulator, fitted on three quarters of the data: the emulator
itself is no worse. RMSE is in points of accuracy (percent), by task, of test items; `shared` is
what of it search and test items have in common, the networks' own fault; R2 and Spearman's rank
correlation are means over tasks. `best tenth` is the RMSE on the tenth of the points of highest
mean accuracy, `guided` on points that an earlier emulator chose (guided.py), `bias` by how much the
networks say too much there. `noise` is what the search will see, in standard errors of a share.
"""

import argparse
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.surfaces import nonzero
from benchmarks.surfaces.definitions import NONZERO, SURFACES, Definition
from benchmarks.surfaces.emulated import Emulator, load_emulator
from benchmarks.surfaces.fit import FOLDS, MEMBERS, fit, fold_of
from benchmarks.surfaces.network import Networks, Numbers, inputs
from benchmarks.surfaces.points import Coordinates
from benchmarks.surfaces.store import DATA, Data, load
from benchmarks.surfaces.surface import ITEMS

HEAD = (
    f"{'surface':8}{'points':>7}  {'RMSE by task':21}{'shared':>7}{'best tenth':>11}"
    f"{'guided':>7}{'bias':>6}"
    f"{'R2':>7}{'rank':>7}{'noise':>7}{'nonzero RMSE':>13}"
)


def unseen(networks: Networks, data: Data, at: Coordinates) -> Numbers:
    """Return the shares [n, 2 t] that networks predict of points they were not fitted on."""
    x, fold = inputs(data.unit, data.method, len(at.methods)), fold_of(data)
    found = np.empty((len(x), 2 * data.search.shape[1]))
    for out in range(FOLDS):
        members = slice(out * MEMBERS, (out + 1) * MEMBERS)
        found[fold == out] = networks.shares(x[fold == out], members)
    return found


def make(definition: Definition) -> Emulator:
    """Fit a surface's emulator to its stored points."""
    data, at = load(definition), Coordinates(definition.space())
    networks = fit(data, at)
    shares = unseen(networks, data, at)
    tasks = len(definition.tasks)
    return Emulator(
        networks,
        noise_level(data, shares[:, :tasks], shares[:, tasks:]),
        nonzero.sizes(nonzero.changed(at, data.unit, data.method), data.nonzero),
        data.parents,
        data.parent_points,
    )


def noise_level(data: Data, search: Numbers, test: Numbers) -> float:
    """Return what search items alone have of the residuals, in standard errors of a share.

    Half the mean square of r_search - r_test: the variance that two draws of items do not share.
    What they share is the networks' error, or roughness of the real surface, which counts.
    """
    apart = (data.search - search) - (data.test - test)
    return float(np.sqrt((apart**2).sum() / 2 / (search * (1 - search) / ITEMS).sum()))


def line(definition: Definition, emulator: Emulator) -> str:
    """Return a row of the table."""
    data, at = load(definition), Coordinates(definition.space())
    tasks = len(definition.tasks)
    shares = unseen(emulator.networks, data, at)
    search, test = data.search - shares[:, :tasks], data.test - shares[:, tasks:]
    best = data.test.mean(1) >= np.quantile(data.test.mean(1), 0.9)
    ranks = [spearmanr(data.test[:, t], shares[:, tasks + t]).statistic for t in range(tasks)]
    exact = ""
    if NONZERO in definition.objectives:
        share = nonzero.changed(at, data.unit, data.method) @ emulator.sizes - data.nonzero
        exact = f"{100 * rmse(share[:, None])[0]:13.2f}"
    return (
        f"{definition.name:8}{len(data.unit):7}  {_numbers(100 * rmse(test)):21}"
        f"{100 * np.sqrt(max((search * test).mean(), 0)):7.1f}"
        f"{100 * np.sqrt((test[best] ** 2).mean()):11.1f}{_guided(data, test)}"
        f"{explained(data.test, test):7.3f}{np.mean(ranks):7.3f}{emulator.noise:7.2f}{exact}"
    )


def _guided(data: Data, residuals: Numbers) -> str:
    """Return RMSE and bias on the guided points."""
    if not data.guided:
        return f"{'':13}"
    there = residuals[-data.guided :]
    return f"{100 * np.sqrt((there**2).mean()):7.1f}{-100 * there.mean():6.1f}"


def rmse(residuals: Numbers) -> NDArray[np.float64]:
    """Return the root mean square by column."""
    return np.asarray(np.sqrt((residuals**2).mean(0)))


def explained(values: Numbers, residuals: Numbers) -> float:
    """Return R2, the mean over columns."""
    return float(1 - ((residuals**2).mean(0) / values.var(0)).mean())


def compare(definition: Definition) -> str:
    """Return the R2 of trees on the same points and folds."""
    from sklearn import ensemble  # type: ignore[import-untyped]  # scikit-learn has no types

    data, at = load(definition), Coordinates(definition.space())
    x, fold = inputs(data.unit, data.method, len(at.methods)), fold_of(data)
    cells = []
    for name in ("extra trees", "boosting"):
        found = np.empty_like(data.test)
        for out, task in np.ndindex(FOLDS, data.test.shape[1]):
            seen = fold != out
            model = (
                ensemble.ExtraTreesRegressor(200, min_samples_leaf=2, random_state=0)
                if name == "extra trees"
                else ensemble.GradientBoostingRegressor(
                    n_estimators=200, max_depth=4, subsample=0.7, max_features=0.5, random_state=0
                )
            )
            model.fit(x[seen], data.test[seen, task])
            found[~seen, task] = model.predict(x[~seen])
        cells.append(f"{name} {explained(data.test, data.test - found):.3f}")
    return ", ".join(cells)


def _numbers(values: Numbers) -> str:
    return " ".join(f"{value:.1f}" for value in values)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="The emulators' errors on unseen merges.")
    parser.add_argument("--fit", action="store_true", help="fit and store the emulators first")
    parser.add_argument("--compare", action="store_true", help="the R2 of trees on the same points")
    parser.add_argument("--surfaces", nargs="+", choices=list(SURFACES), default=None)
    given = parser.parse_args()
    there = [name for name in SURFACES if (DATA / f"{name}.npz").exists()]
    print(HEAD)
    for name in given.surfaces or there:
        if given.fit:
            make(SURFACES[name]).save(name)
        print(line(SURFACES[name], load_emulator(name)), flush=True)
        if given.compare:
            print(f"{'':15}  R2 of {compare(SURFACES[name])}", flush=True)


if __name__ == "__main__":
    main()
