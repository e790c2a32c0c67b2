from digits.arrange import arrange


def test_nothing():
    assert arrange([]) == []


def test_rows_and_columns():
    boxes = [(100, 110, 20, 40), (10, 10, 20, 40), (10, 100, 20, 40), (90, 15, 20, 30)]
    assert arrange(boxes) == [[1, 3], [2, 0]]


def test_a_row_may_slope():
    boxes = [(50 * k, 12 * k, 20, 40) for k in range(10)]
    assert arrange(boxes) == [list(range(10))]
