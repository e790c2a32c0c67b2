"""Which of the ink is answered as digits: sure, of the page's size, in no word."""

from digits.find import usual_height

SMALLEST_SHARE = 0.4  # of the usual height: smaller digits are dirt or punctuation
WORD_SHARE = 0.4  # of a word's pieces: if so many are no digits, it is text
MOST_JUNK = 10  # pieces on a picture: with more of them …
JUNK_SHARE = 0.7  # … of all, the digits among them are chance
LEAST_JUNK = 2  # in a word: one bad piece beside a digit is a blot
LETTER_SPACE = 0.7  # of the usual height: wider gaps part words


def accept(looks, threshold):
    """Return the Looks that show digits of at least the probability `threshold`."""
    likely = [look for look in looks if look.chance >= threshold]
    if len(looks) == 1:  # nothing to compare it with
        return likely
    usual = usual_height([look.piece.height for look in likely])
    looks = of_digits_size(looks, likely)
    junk = sum(look.chance < threshold for look in looks)
    if junk >= max(MOST_JUNK, JUNK_SHARE * len(looks)):
        return []
    digits = []
    for word in words([look.piece for look in looks], LETTER_SPACE * usual):
        sure = [looks[index] for index in word if looks[index].chance >= threshold]
        junk = len(word) - len(sure)
        # An o or an l in a word looks like a digit; what stands beside it does not.
        if junk < max(LEAST_JUNK, WORD_SHARE * len(word)):
            digits += sure
    return digits


def worth(digits, looks):
    """Return how much sense it makes that `digits` are those among Looks.

    The number of digits, less for unsure ones, and less for pieces of a digit's size
    that are none.
    """
    junk = len(of_digits_size(looks, digits)) - len(digits)
    return sum(look.chance for look in digits) - 0.5 * junk


def of_digits_size(looks, digits):
    """Return the Looks that are not much smaller than the digits among them."""
    smallest = SMALLEST_SHARE * usual_height([look.piece.height for look in digits])
    return [look for look in looks if max(look.piece[2:4]) >= smallest]


def words(boxes, space):
    """Return lists of indices of boxes (x, y, width, height, …) that stand together.

    Neighbours overlap in height by half of the lower one, at most `space` pixels apart.
    """
    parent = list(range(len(boxes)))

    def root(index):
        while parent[index] != index:
            index = parent[index]
        return index

    order = sorted(range(len(boxes)), key=lambda index: boxes[index][0])
    for place, index in enumerate(order):
        x, y, width, height = boxes[index][:4]
        for other in order[place + 1 :]:
            other_x, other_y, _, other_height = boxes[other][:4]
            if other_x > x + width + space:
                break
            common = min(y + height, other_y + other_height) - max(y, other_y)
            if common >= min(height, other_height) / 2:
                parent[root(other)] = root(index)
    groups = {}
    for index in order:
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())
