"""The paper's claims, and the questions that it leaves open, each with a rule that decides it from figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from audiosae.evidence.grid import PAPER
from audiosae.evidence.rules import HOLDS, NOT, OPEN, PART, Figure, Finding, Sources, above, overlap, together
from audiosae.labels import PROPERTIES

GRID, LOSS, BASELINES = "evidence/grid/{}.json", "evidence/loss/{}.json", "evidence/baselines/{}.json"
FEATURES, STEERING = "evidence/features/{}.json", "evidence/steering/{}.json"
SUMMARY = "summary.json"

WEIGHTS = "Our codecs are small models of the same designs, trained briefly; the paper's are the released ones."
CORPUS = "Our corpus is a quarter of an hour of rendered scores, the paper's some 31 hours of recordings."
BINS = "Equal-width bins span our corpus's range, so a class of loudness or brightness is not the paper's class."
SAMPLE = "Few recordings are left for testing, hence the wide intervals."
GENERATOR = "Our generator has six million numbers and the embedded corpus behind it; DiffRhythm has a thousand million and songs."


SAME = 0.02
"""Two values of sparsity that differ by less are called the same."""


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes
    ----------
    key
        A short name; the anchor on the page.
    kind
        "paper" for what the paper says, "open" for what it leaves open.
    claim
        What is said, or asked.
    section
        Of the paper.
    test
        What we did to find out, and the rule of the verdict.
    page
        Page of the book that has figures and code.
    bears
        Differences in data and weights that bear on it.
    about
        "codec", "generator", or "all" for one that compares codecs.
    needs
        Files below results/, with {} for the subject; without them it cannot be told.
    judge
        Sources and the subject's name -> what was found.
    """

    key: str
    kind: str
    claim: str
    section: str
    test: str
    page: str
    bears: Sequence[str]
    about: str
    needs: Sequence[str]
    judge: Callable[[Sources, str], Finding]


def _wider(sources: Sources, codec: str) -> Finding:
    name = GRID.format(codec)
    points = sources.at(name, ["points"])
    steps = []
    for penalty in sorted({point["l1"] for point in points}):
        fvu = [point["fvu"] for point in sorted(points, key=lambda point: point["factor"]) if point["l1"] == penalty]
        steps += [after < before for before, after in zip(fvu, fvu[1:])]
    share = sum(steps) / len(steps)
    ends = sorted({point["factor"] for point in points})
    figures = [Figure(f"share of steps to the next width, from {ends[0]} to {ends[-1]} times the latent, at which FVU falls",
                      share, None, name, ["points"])]
    return Finding(HOLDS if share == 1 else PART if share > 0.5 else NOT, figures)


def _range(key: str, label: str) -> Callable[[Sources, str], Finding]:
    def judge(sources: Sources, codec: str) -> Finding:
        name = GRID.format(codec)
        ours = sources.at(name, ["ranges", key])
        figures = [Figure(f"{label}, over our grid", ours, None, name, ["ranges", key])]
        if key in PROPERTIES:
            # Section 3 fits its probe for longer than the grid does its many.
            figures.append(sources.figure("at the grid point of the later sections", SUMMARY, ["codecs", codec, "probing", key, "accuracy"], "ci95"))
        if codec not in PAPER:
            return Finding(OPEN, figures)
        values = [*ours, *(figure.value for figure in figures[1:])]
        figures.append(Figure("the paper's range", PAPER[codec][key], None, name, ["beside_paper", key, "paper"]))
        return Finding(overlap([min(values), max(values)], PAPER[codec][key]), figures)

    return judge


def _easiest(sources: Sources, codec: str) -> Finding:
    figures = {prop: sources.figure(f"accuracy of {prop}", SUMMARY, ["codecs", codec, "probing", prop, "accuracy"], "ci95") for prop in PROPERTIES}
    others = [figures[prop] for prop in ("amplitude", "timbre")]
    ahead = [HOLDS if figures["pitch"].ci95[0] > other.ci95[1] else NOT if figures["pitch"].ci95[1] < other.ci95[0] else OPEN for other in others]
    return Finding(together(ahead), list(figures.values()))


def _loudest(sources: Sources, _: str) -> Finding:
    codecs = list(sources.at(SUMMARY, ["codecs"]))
    figures = {codec: sources.figure(f"accuracy of amplitude, {codec}", SUMMARY, ["codecs", codec, "probing", "amplitude", "accuracy"], "ci95")
               for codec in codecs}
    if "encodec" not in figures or len(figures) < 2:
        return Finding(OPEN, list(figures.values()))
    own = figures["encodec"].ci95
    ahead = [HOLDS if own[0] > other.ci95[1] else NOT if own[1] < other.ci95[0] else OPEN for codec, other in figures.items() if codec != "encodec"]
    return Finding(together(ahead), list(figures.values()))


def _beats(other: str) -> Callable[[Sources, str], Finding]:
    def judge(sources: Sources, codec: str) -> Finding:
        figures = [sources.figure(f"{prop}: accuracy of the features minus that of {other}", BASELINES.format(codec),
                                  ["properties", prop, "difference", other, "difference"], "ci95") for prop in PROPERTIES]
        return Finding(together(map(above, figures)), figures)

    return judge


def _moves(sources: Sources, codec: str) -> Finding:
    figures = [sources.figure(f"{prop}: share of the way to the target at α = 20", SUMMARY, ["codecs", codec, "steering", prop, "on_target"],
                              "on_target_ci95") for prop in PROPERTIES]
    return Finding(together(map(above, figures)), figures)


def _stays(sources: Sources, codec: str) -> Finding:
    figures = [sources.figure(f"{prop} steered: change of the other two, in bins", SUMMARY, ["codecs", codec, "steering", prop, "leakage"],
                              "leakage_ci95") for prop in PROPERTIES]
    opposite = {HOLDS: NOT, NOT: HOLDS, OPEN: OPEN}
    return Finding(together(opposite[above(figure, 1.0)] for figure in figures), figures)


def _price(sources: Sources, codec: str) -> Finding:
    name = LOSS.format(codec)
    drift = sources.at(name, ["summary", "drift", "paper"])
    path = ["summary", "drift", "paper"]
    epochs = sorted(drift["sparsity"], key=int)
    middle = epochs[len(epochs) // 2]
    figures = [
        sources.figure(f"sparsity after {middle} epochs", name, [*path, "sparsity", middle]),
        sources.figure(f"sparsity after {epochs[-1]} epochs, at the same λ", name, [*path, "sparsity", epochs[-1]]),
        sources.figure("rms of h at the end over that after the first epoch", name, [*path, "scale_ratio"]),
    ]
    moved = abs(figures[1].value - figures[0].value)
    return Finding(HOLDS if moved < SAME else NOT if moved > 2 * SAME else PART, figures)


def _loss(sources: Sources, codec: str) -> Finding:
    name = LOSS.format(codec)
    told, verdicts = [], []
    for sparsity, found in sources.at(name, ["summary", "fvu_at_sparsity"]).items():
        named = {"paper": "the paper's loss", "on_f": "penalty on f", "decoder_norm": "a standard loss without RMSNorm", "top_k": "TopK"}
        at = {key: sources.figure(f"FVU at sparsity {sparsity}, {label}", name, ["summary", "fvu_at_sparsity", sparsity, key], digits=4)
              for key, label in named.items() if found.get(key) is not None}
        if "paper" not in at or len(at) == 1:
            continue
        told += at.values()
        verdicts.append(HOLDS if at["paper"].value <= min(other.value for other in at.values()) else NOT)
    return Finding(together(verdicts), told)


def _stable(sources: Sources, codec: str) -> Finding:
    name = FEATURES.format(codec)
    figures = [
        sources.figure("matched features of two seeds with a cosine above 0.9, share", name, ["agreement", "above_0.9"]),
        sources.figure("the same for untrained autoencoders", name, ["agreement", "untrained", "above_0.9"]),
        sources.figure("mean cosine of matched features", name, ["agreement", "cosine"]),
        sources.figure("the same for random directions of like covariance", name, ["agreement", "random_same_covariance", "cosine"]),
    ]
    share = figures[0].value
    return Finding(HOLDS if share > 0.9 else NOT if share < 0.5 else PART, figures)


def _single(sources: Sources, codec: str) -> Finding:
    name = FEATURES.format(codec)
    path = ["monosemantic", "probe", "SAE features"]
    figures = [
        sources.figure("named features that fire for their class on unheard recordings (share, Holm)", name, [*path, "share_confirmed"], "share_confirmed_ci95"),
        sources.figure("median AUROC for the class", name, [*path, "median_auroc"], "median_auroc_ci95"),
        sources.figure("share of features of whose activation more than half falls on the class", name, [*path, "mostly"], "mostly_ci95"),
    ]
    confirmed, _, mostly = (above(figure, 0.5) for figure in figures)
    return Finding(together([confirmed, mostly]), figures)


def _better_single(sources: Sources, codec: str) -> Finding:
    name = FEATURES.format(codec)
    figures = [sources.figure(f"median AUROC of SAE features minus that of {other}", name, ["monosemantic", "auroc", other, "behind"], "behind_ci95")
               for other in ("raw latents", "untrained SAE")]
    return Finding(together(map(above, figures)), figures)


OTHER_WAYS = {"feature_means": "a difference of means of features", "raw_means": "a difference of means of raw latents", "signal": "signal processing"}
"""Ways to move a property that a reader would name; see `steering_methods`."""


def _leaks_less(sources: Sources, codec: str) -> Finding:
    name = STEERING.format(codec)
    figures = []
    for prop in PROPERTIES:
        path = ["comparisons", "at_quarter", "paper", prop]
        for other, label in OTHER_WAYS.items():
            if (sources.at(name, [*path, other]) or {}).get("difference") is not None:
                figures.append(sources.figure(f"{prop}: leakage of the paper's way minus that of {label}, in bins", name, [*path, other, "difference"], "ci95"))
    opposite = {HOLDS: NOT, NOT: HOLDS, OPEN: OPEN}
    return Finding(together(opposite[above(figure)] for figure in figures), figures)


def _in_time(sources: Sources, codec: str) -> Finding:
    name = STEERING.format(codec)
    figures, verdicts = [], []
    for prop in PROPERTIES:
        path = ["in_time", "paper", prop]
        if not sources.at(name, path)["clips"]:
            continue
        inside, before, after = (sources.figure(f"{prop}: bins towards the target, {part} the steered third", name, [*path, part], f"{part}_ci95")
                                 for part in ("inside", "before", "after"))
        figures += [inside, before, after]
        if above(inside) == HOLDS:
            verdicts.append(HOLDS if max(abs(before.value), abs(after.value)) < 0.1 * inside.value else NOT)
    return Finding(together(verdicts), figures)


def _order(sources: Sources, generator: str) -> Finding:
    name = f"generation/{generator}.json"
    figures = {prop: sources.figure(f"{prop} settles at state (the paper's measure, noisy latents)", name, ["properties", prop, "settles_at"],
                                    "settles_at_ci95", 0) for prop in ("pitch", "timbre", "amplitude")}
    return Finding(_before(list(figures.values())), list(figures.values()))


def _before(figures: Sequence[Figure]) -> str:
    """Whether each settles before the next, as far as their intervals can tell; never settling is later than any state."""
    pairs = []
    for first, then in zip(figures, figures[1:]):
        (low, high), (next_low, next_high) = ([float("inf") if x is None else x for x in figure.ci95] for figure in (first, then))
        pairs.append(HOLDS if high < next_low else NOT if low > next_high else OPEN)
    return together(pairs)


def _estimate(sources: Sources, generator: str) -> Finding:
    name = f"generation/{generator}.json"
    figures = [sources.figure(f"{prop} settles at state (ratio of sums, estimate of the clean latents)", name,
                              ["properties", prop, "paths", "clean estimate", "ratio of sums", "settles_at"], "settles_at_ci95", 0)
               for prop in ("pitch", "timbre", "amplitude")]
    return Finding(_before(figures), figures)


def _more_than_line(sources: Sources, generator: str) -> Finding:
    name = f"generation/{generator}.json"
    figures, apart = [], []
    for prop in PROPERTIES:
        path = ["properties", prop, "measures", "ratio of sums", "settles_at"]
        own = sources.figure(f"{prop} settles at state (ratio of sums)", name, path, "settles_at_ci95", 0)
        line = sources.figure(f"{prop}, on the straight line from the same noise to the same music", name,
                              ["properties", prop, "paths", "straight line", "ratio of sums", "settles_at"], "settles_at_ci95", 0)
        figures += [own, line]
        apart.append(_before([own, line]))
    return Finding(together(apart), figures)


CLAIMS: tuple[Claim, ...] = (
    Claim("wider", "paper", "Wider autoencoders reconstruct better, on every codec.", "2",
          "The grid of widths and penalties; FVU on what was held out. Holds where every step to the next width lowers it, "
          "at every λ; in part where more than half do. A count, so it has no interval.",
          "sections/evidence/06_grid", (CORPUS, "Our widths stop short of the paper's by default."), "codec", (GRID,), _wider),
    Claim("sparsity", "paper", "Sparsity lies in the range that the paper gives for the codec.", "2",
          "Smallest and largest sparsity over our grid. Holds where our range lies in the paper's, in part where it meets it.",
          "sections/evidence/06_grid", (WEIGHTS, CORPUS, "Sparsity hangs on the length of training, which the paper does not give."), "codec", (GRID,), _range("sparsity", "sparsity")),
    Claim("penalty", "paper", "λ sets how sparse the features are.", "2",
          "One λ, a long training, looked at on the way. Holds where sparsity in the middle and at the end differ by less "
          "than 0.02, fails from 0.04. One seed, so it has no interval.",
          "sections/evidence/07_loss", (CORPUS, "The paper gives neither the length of training nor the optimiser."), "codec", (LOSS,), _price),
    Claim("pitch", "paper", "A linear probe names the pitch of a frame as often as the paper says.", "3",
          "Accuracy over our grid on test recordings. Holds where our range lies in the paper's, in part where it meets it.",
          "sections/evidence/06_grid", (WEIGHTS, CORPUS, SAMPLE), "codec", (GRID, SUMMARY), _range("pitch", "accuracy of pitch")),
    Claim("amplitude", "paper", "It names the loudness of a frame as often as the paper says.", "3",
          "As for pitch.", "sections/evidence/06_grid", (WEIGHTS, CORPUS, BINS), "codec", (GRID, SUMMARY), _range("amplitude", "accuracy of amplitude")),
    Claim("timbre", "paper", "It names the brightness of a frame as often as the paper says.", "3",
          "As for pitch.", "sections/evidence/06_grid", (WEIGHTS, CORPUS, BINS), "codec", (GRID, SUMMARY), _range("timbre", "accuracy of timbre")),
    Claim("easiest", "paper", "Pitch is read more surely than loudness and brightness.", "3",
          "The three accuracies at one grid point. Told where their intervals do not meet.",
          "results", (BINS, "66 classes stand against 20: exact accuracy is the harder for pitch."), "codec", (SUMMARY,), _easiest),
    Claim("loudness-encodec", "paper", "Loudness is plainer in EnCodec's latents than in those of the other two.", "3",
          "Accuracy of amplitude, codec against codec. Told where intervals do not meet.",
          "results", (WEIGHTS, BINS), "all", (SUMMARY,), _loudest),
    Claim("single", "paper", "Single features stand for single properties.", "3",
          "The strongest feature of each class, chosen on training recordings, tested on others: does it fire for its class "
          "(AUROC, permutation of recordings, Holm over features), and for little else? Holds where both shares lie above "
          "one half by their intervals.",
          "sections/evidence/09_features", (WEIGHTS, CORPUS, SAMPLE), "codec", (FEATURES,), _single),
    Claim("steering", "paper", "Adding the row of a probe moves the property, the further the larger α.", "4",
          "Share of the way to the target that the decoded sound has gone at α = 20. Holds where the interval over clips "
          "lies above zero for all three properties.",
          "results", (WEIGHTS, SAMPLE, "How far α = 20 goes hangs on the norm of the row."), "codec", (SUMMARY,), _moves),
    Claim("leakage", "paper", "Steering one property hardly moves the other two.", "4",
          "Mean absolute change of the other two at α = 20. Holds where the interval lies below one bin, fails where it "
          "lies above.",
          "results", (WEIGHTS, BINS, "One bin is our reading of “hardly”."), "codec", (SUMMARY,), _stays),
    Claim("order", "paper", "In generation pitch settles first, then timbre, then loudness.", "5",
          "The paper's measure on the noisy latents. Told where the intervals over prompts of neighbours do not meet.",
          "generator", (GENERATOR, CORPUS), "generator", ("generation/{}.json",), _order),
    Claim("raw", "open", "Do the features tell more than the raw latents do?", "3",
          "The same probe on both; difference of accuracy, paired by recording. Yes where the interval lies above zero for "
          "all three properties.",
          "sections/evidence/08_baselines", (WEIGHTS, SAMPLE), "codec", (BASELINES,), _beats("raw latents")),
    Claim("pca", "open", "Do they tell more than the same latents turned and whitened (PCA)?", "3",
          "As before. Whitened components hold what the raw latents hold, in a form that is easier to fit.",
          "sections/evidence/08_baselines", (WEIGHTS, SAMPLE), "codec", (BASELINES,), _beats("PCA")),
    Claim("untrained", "open", "Is it the training of the autoencoder that helps, and not its width?", "3",
          "The same probe on an untrained autoencoder of the same width; difference of accuracy, paired by recording.",
          "sections/evidence/08_baselines", (WEIGHTS, SAMPLE), "codec", (BASELINES,), _beats("untrained SAE")),
    Claim("single-better", "open", "Is a feature of the autoencoder a better detector than a raw latent, or a feature that was never trained?", "3",
          "For each class the best single one of each kind, chosen by AUROC on training recordings, tested on others; "
          "difference of the medians, paired by recording.",
          "sections/evidence/09_features", (WEIGHTS, SAMPLE), "codec", (FEATURES,), _better_single),
    Claim("stable", "open", "Does another seed find the same features?", "2",
          "Decoder directions of two seeds, matched one to one. Yes where more than 0.9 of them have a cosine above 0.9, no "
          "where fewer than half have. A count over pairs of seeds, so it has no interval.",
          "sections/evidence/09_features", (CORPUS,), "codec", (FEATURES,), _stable),
    Claim("loss", "open", "Does the paper's loss reconstruct best for its sparsity?", "2",
          "FVU at equal sparsity, beside a penalty on f, a standard loss without RMS normalisation, and TopK; wherever the "
          "curves reach that sparsity. One seed, so it has no interval.",
          "sections/evidence/07_loss", (CORPUS,), "codec", (LOSS,), _loss),
    Claim("equal-effect", "open", "Does steering through the autoencoder leak less than plainer ways do, at equal effect?", "4",
          "Leakage where the property has gone a quarter of the way to its target, the paper's way minus others; paired by "
          "clip. Yes where the interval lies below zero. A way that never gets there is left out.",
          "sections/evidence/10_steering", (WEIGHTS, SAMPLE), "codec", (STEERING,), _leaks_less),
    Claim("in-time", "open", "Can a part of a clip be steered without the rest?", "4",
          "Only the middle third is steered. Where the property moves there, by its interval: yes if before and after it "
          "move by less than a tenth of that.",
          "sections/evidence/10_steering", (WEIGHTS, SAMPLE), "codec", (STEERING,), _in_time),
    Claim("estimate", "open", "Is the order the paper's where the estimate of the clean latents is read?", "5",
          "The ratio of sums on the estimate. Told where the intervals over prompts of neighbours do not meet.",
          "generator", (GENERATOR,), "generator", ("generation/{}.json",), _estimate),
    Claim("line", "open", "Does the order on the noisy latents tell of the generator?", "5",
          "The same reading along the straight line from the same noise to the same music, where no generator is at work. "
          "Yes where each property settles sooner than there, by intervals that do not meet.",
          "generator", (GENERATOR,), "generator", ("generation/{}.json",), _more_than_line),
)
