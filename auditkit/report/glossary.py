"""The words a report uses, said plainly. Only those that stand on the page are explained."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A word, the pattern by which the page is searched for it, and what it means."""

    word: str
    pattern: str
    meaning: str


ENTRIES = (
    Entry(
        "Ablation",
        r"\bablat|taken out alone",
        "A part of a network says the same for every row, and the rows are answered again. Where"
        " little changes, other parts know the same.",
    ),
    Entry(
        "ABROCA",
        r"\bABROCA\b",
        "The area between the ROC curves of a group and of all others: 0 where the scores order"
        " both alike at every threshold, 1 at most. Chance alone keeps it above 0.",
    ),
    Entry(
        "Accuracy",
        r"accurac",
        "The share of rows whose prediction is right. Where one answer is common, always giving it"
        " scores high, so the share that a majority guess gets stands beside it.",
    ),
    Entry(
        "Alignment (CKA)",
        r"\bCKA\b",
        "How far two layers tell the same rows from each other in the same way: 1 where one is the"
        " other turned and scaled, 0 what chance gives. Layers alike at 0.95 may still differ in"
        " the one direction that decides.",
    ),
    Entry(
        "Attention",
        r"\battention (rollout|gradient)|\battention says|head's attention",
        "The shares in which a layer of a transformer gathers from the tokens of a text: they say"
        " where it fetched from, and not what its answer rests on.",
    ),
    Entry(
        "Attention gradient",
        r"attention gradient",
        "Attention, counted only as far as the answer would grow with more of it, and followed back"
        " through the layers.",
    ),
    Entry(
        "Attention rollout",
        r"attention rollout",
        "Attention followed back through all layers, half of each being what was there before.",
    ),
    Entry(
        "AUC",
        r"\bAUC\b|\bROC\b",
        "How often a row with the positive outcome gets a higher score than a row without it:"
        " 0.5 is a coin, 1 is perfect order.",
    ),
    Entry(
        "Average precision",
        r"average precision",
        "The share of made images among those held for at least as suspicious, a mean over the made"
        " ones. Where few images are made it is low even for a good detector.",
    ),
    Entry(
        "Balanced accuracy",
        r"balanced accuracy|kinds weighed alike",
        "The mean of the shares of two kinds that are called right, whatever their numbers. A coin"
        " gets 50 %.",
    ),
    Entry(
        "Base rate",
        r"base rate",
        "The share of a group that has the positive outcome, whatever the model says.",
    ),
    Entry(
        "Baseline (of an explanation)",
        r"\bbaseline '",
        "What a row is explained beside. 'typical': the median of each number and the most frequent"
        " level of each category; 'sample': training rows; 'mean': the average colour; 'zero': a"
        " black image, each channel's average of a sequence, no level of a table; 'pad': no words."
        " Another baseline can give another explanation.",
    ),
    Entry(
        "Benjamini-Hochberg",
        r"Benjamini",
        "A correction for asking many questions that is less strict than Holm's: of the failures"
        " it lets stand, one in twenty is false on average. It decides nothing here.",
    ),
    Entry(
        "Bias amplification",
        r"bias amplification|\bMALS\b|A→T",
        "How much further the model leans than the labels it is compared with: if the labels give"
        " an outcome to one group more often than to others, whether the model does so even more."
        " Errors alone make every such link look weaker, so beside it stands a blind model, one"
        " that errs as often but does not know the group.",
    ),
    Entry(
        "Bits a character",
        r"bits a character",
        "What it costs to write a text down with the model's probabilities: 0 where every next"
        " sign is known beforehand, 8 with one byte a sign. A compressor is given beside it.",
    ),
    Entry(
        "Bootstrap",
        r"bootstrap",
        "Drawing the rows again and again, with repetition, to see how far a number would move"
        " if other rows of the same kind had been collected.",
    ),
    Entry(
        "Brier score",
        r"\bBrier\b",
        "The mean squared distance between the predicted probability and what happened (0 or 1)."
        " 0 is perfect.",
    ),
    Entry(
        "C2PA",
        r"\bC2PA\b",
        "A standard for a signed note inside a file that says who made or changed it, and how. It"
        " shows that the note and the file belong together, not that its author is honest.",
    ),
    Entry(
        "Calibration",
        r"calibrat|reliability",
        "Whether probabilities mean what they say: of all rows given 70 %, about 70 % should turn"
        " out positive.",
    ),
    Entry(
        "Checkerboard",
        r"\bcheckerboard",
        "Power at regular frequencies that layers which enlarge an image leave behind. In decibels"
        " above what real images have there; 3 is twice the power.",
    ),
    Entry(
        "Clusters of rows",
        r"clusters of rows",
        "Rows that belong to the same person or document. They tell less than as many independent"
        " rows, so intervals are made as wide as whole clusters ask for.",
    ),
    Entry(
        "Completeness (of an explanation)",
        r"\bcompleteness\b",
        "That an explanation's numbers add up to the answer less that of the baseline, as"
        " some methods promise. Shown is by how much they miss it.",
    ),
    Entry(
        "Comprehensiveness",
        r"comprehensiveness",
        "How far the answer falls when the words that an explanation puts first are taken"
        " out, in parts of the answer's range. Higher is better.",
    ),
    Entry(
        "Compression (of labels)",
        r"[Cc]ompression is|random labels",
        "How many times shorter a column can be sent, row by row, to somebody who has a layer's"
        " numbers and may learn from the rows sent so far. 1 is no gain; a column with a frequent"
        " value is short by itself, so the same of labels drawn at random stands beside it.",
    ),
    Entry(
        "Concept (TCAV)",
        r"\bTCAV\b|random concepts",
        "A group of rows as a direction in a layer: the way from the mean of all others to theirs."
        " The slope along it says by how much the answer would move if a row looked more like"
        " them.",
    ),
    Entry(
        "Consistency",
        r"\bconsistency\b",
        "How often a row and the rows most like it get the same answer, the sensitive columns left"
        " out. 100 % is the most; a model that says the same to nearly all is near it by chance.",
    ),
    Entry(
        "Control task",
        r"\bcontrol task|Control: labels",
        "Labels drawn at random, the same for rows of one kind. Whoever gets them right has learnt"
        " them by heart, so what is read of the real labels counts only beyond this.",
    ),
    Entry(
        "Dead unit",
        r"dead unit|\bdead\b.{0,20}\bunits|stay at their floor",
        "A part of a network that gives its lowest value for every row: it computes nothing and can"
        " hardly learn any more.",
    ),
    Entry(
        "Deletion and insertion",
        r"\bdeletion\b|\binsertion\b",
        "What an explanation puts first is taken out first (deletion) or brought in first"
        " (insertion). Told is how much sooner than in a random order the answer goes or"
        " comes: 0 is no better than chance.",
    ),
    Entry(
        "Demographic parity",
        r"demographic parity|demographic-parity",
        "Each group gets the favoured decision equally often. It looks at decisions alone, not at"
        " whether they are right.",
    ),
    Entry(
        "Directions used",
        r"[Dd]irections used",
        "In how many directions a layer's numbers really vary: as many as it has where all vary"
        " alike, 1 where all rows lie along a line (the participation ratio).",
    ),
    Entry(
        "Doubled unit",
        r"\bdoubled\b",
        "A part of a layer whose answers are those of another part, but for a scale and a sign: it"
        " could be left out.",
    ),
    Entry(
        "ECE",
        r"\bECE\b|expected calibration error",
        "Expected calibration error: how far, on average, predicted probabilities are from what"
        " happened. 0 is perfect; chance alone keeps it above 0.",
    ),
    Entry(
        "Effect size of an association",
        r"effect size",
        "How much nearer one list of words lies to some words than to others, compared with a"
        " second list, in standard deviations: 0 is no association, 2 about the most there can be.",
    ),
    Entry(
        "Entropy (of an explanation)",
        r"\bentropy\b(?! index)",
        "Over how many inputs an explanation spreads what matters: 0 a single one, 1 all alike.",
    ),
    Entry(
        "Epoch",
        r"\bepochs?\b",
        "One pass over all training rows. The weights that are kept are those of the epoch that"
        " did best on rows held out for that, the validation rows.",
    ),
    Entry(
        "Equal error rate",
        r"equal error rate",
        "The share of errors at the threshold where both kinds have as many. 0 is ideal, a coin"
        " gets 50 %.",
    ),
    Entry(
        "Equal opportunity",
        r"equal opportunity|equal-opportunity",
        "Among rows with the positive outcome, it is predicted equally often in each group.",
    ),
    Entry(
        "Equalized odds",
        r"equali[sz]ed odds|equali[sz]ed-odds",
        "Both the true positive rate and the false positive rate are the same in each group.",
    ),
    Entry(
        "Erasing (at a layer)",
        r"\berased?\b|\berasing\b|\berasure\b",
        "What a layer holds is moved as little as possible so that no linear reader can tell the"
        " column from it any more. If answers change by that, they leaned on the column. Given the"
        " target: only what the layer knows of the column beyond the target is taken out.",
    ),
    Entry(
        "Error rate",
        r"\berror rate\b",
        "Insertions, deletions and changes of one symbol that a written text needs to become the"
        " nearest right answer, for each symbol of that answer. 0 is perfect; it can exceed 1.",
    ),
    Entry(
        "Evenness of a head",
        r"evenness of 100 %",
        "100 % where a head looks at all tokens alike, 0 % where it looks at a single one.",
    ),
    Entry(
        "Exposure",
        r"\bexposure\b|users' attention",
        "The attention that a ranking gives an item: the first place has the most, later ones less"
        " and less, places beyond the last one shown none. Beside it stands the item's share of"
        " what users think of all.",
    ),
    Entry(
        "F1",
        r"\bF1\b",
        "One number for a class's recall and precision, their harmonic mean: high only where both"
        " are.",
    ),
    Entry(
        "False negative rate",
        r"false negative",
        "Among rows with the positive outcome, the share that the model misses.",
    ),
    Entry(
        "False positive rate",
        r"false positive",
        "Among rows without the positive outcome, the share that the model wrongly calls positive.",
    ),
    Entry(
        "Flip rate",
        r"\bflip rate|\bflipped\b|\bflips?\b",
        "The share of rows that get another decision when they are asked about again with another"
        " group put in place of their own, and nothing else changed. 0 is ideal.",
    ),
    Entry(
        "Floating-point operations",
        r"floating-point operations",
        "How many additions and multiplications the training took: its price in computing,"
        " whatever the machine. Counted on one batch and multiplied by the rows, by torch's"
        " counter.",
    ),
    Entry(
        "Four-fifths rule",
        r"four[- ]fifths",
        "A rule of thumb of American labour law: a group's selection rate should be at least four"
        " fifths of the highest group's. It ignores chance, so a test stands beside it.",
    ),
    Entry(
        "Fréchet distance",
        r"Fr[ée]chet distance",
        "How far the made images lie, as a crowd, from the real ones in the eyes of the judge."
        " Two crowds of real images are not at 0 from each other either: that distance is the"
        " floor, and a ratio of 1 is ideal.",
    ),
    Entry(
        "Generalised entropy index",
        r"generalised entropy|Theil",
        "How unequally something is spread over people, here what a decision is worth to them: 0"
        " where all get the same. Theil's index is one of the family.",
    ),
    Entry(
        "Gini index",
        r"\bGini\b",
        "How unequally something is spread: 0 where all have the same, near 1 where few have all.",
    ),
    Entry(
        "Gradient norm",
        r"gradient norm",
        "How strongly the rows pull at the weights. A norm that explodes or dies out says that the"
        " training is not healthy.",
    ),
    Entry(
        "Holm's correction",
        r"\bHolm\b",
        "Of many questions asked, some are answered wrongly by chance. Holm's correction asks more"
        " of each, the more there are, so that any false failure in the whole audit has a chance"
        " of 1 in 20 at most.",
    ),
    Entry(
        "Induction head",
        r"induction head",
        "A head of a transformer that looks for the last time the present token occurred and at"
        " what followed it then, so that the network can repeat what it has read.",
    ),
    Entry(
        "Infidelity",
        r"infidelity",
        "The part of the answer's changes, when inputs are taken out, that an explanation's"
        " numbers leave unexplained: 0 is ideal, 1 says nothing.",
    ),
    Entry(
        "Influence",
        r"influence \(used here\)",
        "What an answer would lose or gain if one row had not been trained on, estimated from how"
        " much the other rows hold the network's last layer in its place.",
    ),
    Entry(
        "Insufficient evidence",
        r"insufficient",
        "The interval spans the limit, so the rows there are cannot tell on which side the truth"
        " lies. It is neither a pass nor a fail.",
    ),
    Entry(
        "Interval",
        r"interval",
        "The range that the true number plausibly lies in, given how few or many rows there were."
        " Made this way, 95 of 100 such ranges hold the true number.",
    ),
    Entry(
        "Judge",
        r"\bjudge\b",
        "A classifier of the same data that looks at made images. What it does not see, no figure"
        " shows.",
    ),
    Entry(
        "Kernel distance",
        r"kernel distance|\bKID\b",
        "Another distance between made and real images in the eyes of the judge; 0 is expected of"
        " images of one kind, however few.",
    ),
    Entry(
        "Kolmogorov-Smirnov distance",
        r"Kolmogorov-Smirnov",
        "Of all numbers, take the one where two groups differ most in the share of people who are"
        " told less: how many points apart they are there. 0 where both are told alike.",
    ),
    Entry(
        "Latent vector",
        r"\blatent (vector|space|direction)",
        "The random numbers that a generator turns into an image; moving them in one direction"
        " changes the image gradually.",
    ),
    Entry(
        "Learning curve",
        r"learning curve|power of -|power law",
        "The score of trainings on growing parts of the rows. The error is taken to fall as a"
        " power of the rows towards a floor; what ten times the rows would buy is read off that"
        " law, and holds only if the law goes on.",
    ),
    Entry(
        "Limit",
        r"\blimit",
        "The number beyond which a finding fails. It is a choice, written in the configuration.",
    ),
    Entry(
        "Log loss",
        r"log[- ]loss",
        "A penalty for confident mistakes: low where probabilities are near what happened. 0 is"
        " perfect.",
    ),
    Entry(
        "Logit lens",
        r"\blogit lens|\btuned lens",
        "What a network would write if it stopped after an earlier layer: that layer's numbers read"
        " as if they were the last one's. The tuned lens first translates them by what it learned"
        " on other texts.",
    ),
    Entry(
        "Machine-readable mark",
        r"machine-readable mark",
        "A note in a file that a program can read and that says that a generator made the picture."
        " Whoever saves the picture again may lose it: where there is none, nothing follows.",
    ),
    Entry(
        "Macro recall",
        r"macro recall|macro F1",
        "The mean over classes, each counting alike, so that a rare class weighs as much as a"
        " common one.",
    ),
    Entry(
        "Mean absolute error",
        r"mean absolute error",
        "How far, on average, the model's number is from the true one, in the target's own unit.",
    ),
    Entry(
        "Mean signed error",
        r"mean signed error",
        "What the model says less what is true, on average: above 0 it says too much, below 0 too"
        " little. Errors both ways cancel in it.",
    ),
    Entry(
        "Memorisation",
        r"memorisation",
        "Whether made images lie nearer to the training images than fresh real ones do, in standard"
        " deviations of chance. About 0 is right; far below 0 the generator copies.",
    ),
    Entry(
        "NDCG",
        r"\bNDCG\b",
        "How good an order is: 100 % where what a user rates best comes first. A mistake counts the"
        " less the further down it is; a number after @ says how many places count. A random order"
        " is far from 0, and stands beside it.",
    ),
    Entry(
        "Null (chance alone)",
        r"\bnull\b|chance",
        "What the same measurement gives on average when there is nothing to find, because the"
        " groups were shuffled. A gap near its null is no evidence of a difference.",
    ),
    Entry(
        "Overlap of made and real images",
        r"lie among the (?:real|made) ones",
        "Precision: the share of made images that lie where real ones do. Recall: the share of"
        " real images that lie where made ones do; low where the generator leaves kinds out."
        " Coverage: the share of real images with a made one beside them.",
    ),
    Entry(
        "Permutation test",
        r"permut",
        "The group labels are shuffled many times; a gap is surprising if few shuffles reach it.",
    ),
    Entry(
        "Precision",
        r"\bprecision\b|predictive parity|predictive-parity",
        "Among rows that the model calls positive, or by the name of a class, the share that is."
        " Predictive parity asks that it be the same in each group.",
    ),
    Entry(
        "Prevalence",
        r"\bprevalence",
        "How many of all images were made, where the detector is used. Where few are, most calls of"
        " fake are false alarms.",
    ),
    Entry(
        "Probe",
        r"\bprobes?\b",
        "A simple reader that is shown what a layer holds of some rows and must say a column of"
        " others. What it reads is there to be read; whether the network uses it is another"
        " question.",
    ),
    Entry(
        "Proxy",
        r"\bprox(?:y|ies)\b",
        'A column that gives another one away, as the relationship "husband" gives gender away. A'
        " model that is not given a sensitive column can still know it from proxies.",
    ),
    Entry(
        "Quick detector",
        r"quick detector",
        "One linear model of an image's spectra, trained in a second, to answer questions that need"
        " many trainings. It is not the detector that is audited.",
    ),
    Entry(
        "Randomisation test",
        r"randomisation|drawn anew",
        "A part of the network's weights is replaced by chance. An explanation that stays the"
        " same shows the input and not the model.",
    ),
    Entry(
        "Rank correlation",
        r"rank correlation",
        "How far two lists agree in their order: 1 is the same order, 0 none, -1 the opposite.",
    ),
    Entry(
        "Recall",
        r"\brecall\b",
        "Among the rows of a class, the share that the model recognises.",
    ),
    Entry(
        "ROC curve",
        r"\bROC curves?\b",
        "For every threshold, the share of true positives found (upwards) beside the share of"
        " negatives wrongly taken for positive (across). The area under it is the AUC.",
    ),
    Entry(
        "R²",
        r"R²",
        "The share of the target's ups and downs that the model accounts for: 1 is perfect, 0 no"
        " better than always saying the mean, below 0 worse.",
    ),
    Entry(
        "Saturated unit",
        r"saturated",
        "A part of a network that lies at an end of its range for nearly every row, where a"
        " sigmoid or tanh is flat: it can hardly learn any more.",
    ),
    Entry(
        "Selection rate",
        r"selection[ _]rate",
        "The share of a group's rows that get the favoured decision.",
    ),
    Entry(
        "Selectivity (of a probe)",
        r"\b[Ss]electivity\b",
        "What a probe reads beyond what it reads of labels drawn at random: near 0 it may have"
        " learnt by heart.",
    ),
    Entry(
        "Sensitive column",
        r"sensitive",
        "A column that says something about a person for which nobody should be treated worse.",
    ),
    Entry(
        "Shapley value",
        r"shapley|kernel_shap",
        "What one part of the input brings: what the answer gains when the part is put in, averaged"
        " over all orders in which the parts could be put in. The values of a row add up to its"
        " answer minus that of the baseline.",
    ),
    Entry(
        "Simpson's paradox",
        r"Simpson",
        "A comparison that turns round where like is compared with like: one group does worse"
        " overall and better in each department, because it applies where most are refused.",
    ),
    Entry(
        "Single out",
        r"single out a group|singles out a group",
        "A unit singles out a group where its answer alone tells the group from all others with an"
        " AUC of 0.75 or more. A network that was never trained has such units too where the rows"
        " give the group away, so how many it has stands beside it.",
    ),
    Entry(
        "Slice",
        r"\bslices?\b",
        "The rows that meet up to three conditions together, whoever thought of them. Slices are"
        " looked for on one half of the rows and held against the other: being the worst of"
        " thousands makes a slice look bad on the half that it was found on.",
    ),
    Entry(
        "Step (of a change)",
        r"\bsteps to be accepted|\bone step\b|\bsteps more\b|recourse",
        "What a change costs: one for another category, one for each typical deviation (the median"
        " distance from the median) that a number moves. It says nothing of how hard that is.",
    ),
    Entry(
        "Strata",
        r"\bstrat(?:a|um)\b",
        "The parts into which control columns cut the rows. Within strata, every group's rate is"
        " what it would be, were the group spread over them as all rows are.",
    ),
    Entry(
        "Sufficiency",
        r"sufficiency",
        "How far the answer falls when only the words that an explanation puts first are"
        " kept, in parts of the answer's range. Lower is better.",
    ),
    Entry(
        "Threshold",
        r"\bthresholds?\b",
        "The score from which a row gets the positive decision. The one in force is that of the"
        " audited model or of the audit's configuration.",
    ),
    Entry(
        "TracIn",
        r"TracIn",
        "What the training's steps on one row did for another: how much their gradients point the"
        " same way, at the epochs whose weights were kept.",
    ),
    Entry(
        "True positive rate",
        r"true positive",
        "Among rows with the positive outcome, the share that the model finds.",
    ),
    Entry(
        "Truncation (psi)",
        r"\btruncation\b|\bpsi\b",
        "Making images from numbers nearer to the middle than in training: they look more typical"
        " and vary less. 1 is as trained; rare classes go first.",
    ),
    Entry(
        "Untrained twin",
        r"\buntrained\b",
        "The same network with the weights it could have begun with. What its layers give away was"
        " not learnt.",
    ),
    Entry(
        "Update over weights",
        r"update over weights",
        "How far a layer moved in one step beside its own size. Around a thousandth is usual; far"
        " less hardly learns, far more does not settle.",
    ),
    Entry(
        "Validation loss",
        r"validation loss",
        "The penalty for mistakes on rows held out of the training rows to choose the epoch by."
        " It is not the score on the test rows, which nothing was chosen by.",
    ),
    Entry(
        "Wasserstein distance",
        r"Wasserstein",
        "How far, on average, the numbers said of one group would have to be moved to be spread"
        " like those of another. 0 where both are spread alike.",
    ),
    Entry(
        "XMP",
        r"\bXMP\b",
        "Notes about a picture that lie in its file beside the pixels, such as its author or how it"
        " came about. They are not signed.",
    ),
)


def words_in(text: str) -> tuple[Entry, ...]:
    """The entries whose word stands in the text, by alphabet."""
    return tuple(one for one in ENTRIES if re.search(one.pattern, text, re.IGNORECASE))
