from digits.reading.order import reading_order


def test_nothing():
    assert reading_order([]) == []


def test_rows_and_columns():
    boxes = [(100, 110, 20, 40), (10, 10, 20, 40), (10, 100, 20, 40), (90, 15, 20, 30)]
    assert reading_order(boxes) == [[1, 3], [2, 0]]


def test_a_lower_row_may_begin_further_left():
    assert reading_order([(10, 110, 20, 40), (50, 10, 20, 40)]) == [[1], [0]]


def test_a_row_may_slope():
    boxes = [(50 * k, 12 * k, 20, 40) for k in range(10)]
    assert reading_order(boxes) == [list(range(10))]
