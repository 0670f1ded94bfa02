"""Names and streets of the demo town: every Polish letter occurs, nobody real does."""

from typing import Final

WOMEN: Final = (
    *("Anna", "Bożena", "Celina", "Danuta", "Elżbieta", "Grażyna", "Halina", "Iwona", "Jadwiga", "Kinga", "Łucja"),
    *("Małgorzata", "Natalia", "Róża", "Święcisława", "Żaneta"),
)
MEN: Final = (
    *("Adam", "Błażej", "Cezary", "Dariusz", "Eugeniusz", "Grzegorz", "Henryk", "Ireneusz", "Józef", "Kazimierz"),
    *("Łukasz", "Michał", "Paweł", "Sławomir", "Świętosław", "Zbigniew"),
)
SURNAMES: Final = (
    *("Bąk", "Brzęczyszczykiewicz", "Chrząszcz", "Ćwikła", "Dąb", "Dźwigała", "Fąfara", "Gęś", "Gołąb", "Gżegżółka"),
    *("Jaźwiec", "Jeż", "Kądziela", "Kołodziej", "Łoś", "Łątka", "Mączka", "Międlar", "Niedźwiedź", "Ogórek"),
    *("Pączek", "Piórko", "Rzeżucha", "Różyczka", "Sroka", "Śliwka", "Świerszcz", "Tłuścioch", "Wąż", "Wróbel"),
    *("Zając", "Źdźbło", "Żółw", "Żołądź"),
)
STREETS: Final = (
    *("ul. Źródlana", "ul. Świętojańska", "ul. Łąkowa", "ul. Żwirki", "ul. Ćmielowska", "ul. Dębowa", "ul. Górna"),
    *("ul. Krótka", "ul. Młyńska", "ul. Okrężna", "ul. Południowa", "ul. Różana", "ul. Studzienna", "pl. Zdrojowy"),
)
ORGANISATIONS: Final = (
    "Piekarnia „Pod Żurawiem” sp. z o.o. (przykład)",
    "Wspólnota Mieszkaniowa Źródlana 8 (przykład)",
    "Szkoła Podstawowa nr 0 w Zdrojach (przykład)",
    "Zakład Usług Ślusarskich Łożysko s.c. (przykład)",
    "Spółdzielnia „Łączność” (przykład)",
    "Pensjonat Górska Róża sp. j. (przykład)",
    "Przychodnia Zdrój sp. z o.o. (przykład)",
    "Ochotnicza Straż Pożarna w Zdrojach (przykład)",
)
CITY: Final = "Zdroje"
POSTCODE: Final = "00-000"
MAIL_DOMAINS: Final = ("example.com", "poczta.example")

_PLAIN = str.maketrans("ąćęłńóśźżĄĆĘŁŃÓŚŹŻ", "acelnoszzACELNOSZZ")


def mail_address(name: str, number: int) -> str:
    """An address at a domain that can never receive mail (RFC 2606)."""
    local = ".".join(name.translate(_PLAIN).lower().split())
    return f"{local}.{number}@{MAIL_DOMAINS[number % len(MAIL_DOMAINS)]}"
