import re
from itertools import combinations
from xml.etree import ElementTree

from striate.byhand import Value, backpropagation, draw

SVG = "{http://www.w3.org/2000/svg}"


def neuron():
    w0, w1, x0, x1 = (Value(*each) for each in [(2, "w0"), (-3, "w1"), (-1, "x0"), (-2, "x1")])
    return backpropagation((w0 * x0 + w1 * x1 + Value(-3, "w2")).sigmoid())


def texts(picture):
    return [
        (float(text.get("x")), float(text.get("y")), text.get("fill"), text.text)
        for text in ElementTree.fromstring(picture).iter(f"{SVG}text")
    ]


def test_forward_numbers_stand_above_their_gradients():
    board = neuron()
    shown = texts(draw(board))
    black = {(x, y): words for x, y, color, words in shown if color == "#1a1a1a"}
    red = [(x, y, words) for x, y, color, words in shown if color == "#c0182b"]
    pairs = sorted((black[x, y - 26], words) for x, y, words in red)
    assert pairs == sorted((f"{node.forward:.4g}", f"{node.gradient:.4g}") for node in board.nodes)


def test_every_edge_has_its_local_derivative_and_every_gate_its_circle():
    board = neuron()
    picture = draw(board)
    grey = sorted(words for *_, color, words in texts(picture) if color == "#6b6b6b")
    assert grey == sorted(f"{local:.4g}" for node in board.nodes for local in node.locals)
    gates = [node for node in board.nodes if node.gate]
    assert picture.count('stroke="#1a1a1a"') == len(gates)
    words = [text for *_, text in texts(picture)]
    assert words.count("×") == words.count("+") == 2
    assert {"sigmoid", "w0", "x1", "v1", "f"} <= set(words)


def test_nothing_stands_on_anything_and_all_is_inside():
    picture = draw(neuron())
    width, height = map(float, re.search(r'viewBox="0 0 (\d+) (\d+)"', picture).groups())
    circles = [
        (float(circle.get("cx")), float(circle.get("cy")))
        for circle in ElementTree.fromstring(picture).iter(f"{SVG}circle")
    ]
    for (x1, y1), (x2, y2) in combinations(circles, 2):
        assert abs(x1 - x2) >= 60 or abs(y1 - y2) >= 60
    for x, y, _, words in texts(picture):
        assert x - 4 * len(words) >= 0
        assert x + 4 * len(words) <= width
        assert 12 <= y <= height - 4


def test_names_are_escaped():
    picture = draw(backpropagation(Value(1, "<a & b>") * 2))
    assert "&lt;a &amp; b&gt;" in picture
    ElementTree.fromstring(picture)


def test_a_value_that_is_used_twice_has_two_wires():
    x = Value(3, "x")
    picture = draw(backpropagation(x * x))
    ends = re.findall(r"H(\d+)\" fill=\"none\"", picture)
    assert len(ends) == 2
    assert len(set(re.findall(r'd="([^"]+)" fill', picture))) == 2


def test_a_wire_goes_over_the_top_of_what_stands_between():
    x, y = Value(3, "x"), Value(2, "y")
    picture = draw(backpropagation((x * y) * x))
    row = {text: height for _, height, _, text in texts(picture)}["x"] - 6
    paths = re.findall(r'd="([^"]+)" fill', picture)
    tops = [min(map(float, re.findall(r" (\d+)[CH]", path))) for path in paths]
    assert len(tops) == 4
    assert sorted(tops)[0] < row - 40
    assert sorted(tops)[1] >= row
    straight = draw(backpropagation(x * y + 1))
    assert straight.count("C") == 4
