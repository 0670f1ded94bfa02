"""Why there is no invoice, in Polish: what a person at the counter tells the customer, and the facts behind it."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from billing.accounts import Service
from billing.holds import HoldCode
from billing.polish import format_date, format_m3, format_zl
from billing.polish_bill_changes import SERVICES

TOLD = {
    HoldCode.READING_MISSING: "nie mamy odczytu wodomierza; fakturę wystawimy po odczycie",
    HoldCode.READING_NOT_READ: "wodomierza nie udało się odczytać; prosimy podać jego stan albo umówić odczyt",
    HoldCode.READING_SUSPECT: "odczyt budzi wątpliwości; fakturę wystawimy, gdy go sprawdzimy",
    HoldCode.READING_EDITED: "odczyt właśnie poprawiono; obejmie go następna faktura",
    HoldCode.EXCHANGE_INCOMPLETE: "wymieniono wodomierz, a brakuje stanu starego przy zdjęciu; uzupełniamy go",
    HoldCode.CONSUMPTION_NEGATIVE: "wodomierz pokazuje mniej, niż już rozliczono; sprawdzamy wodomierz i odczyt",
    HoldCode.CONSUMPTION_HIGH: "wychodzi więcej wody, niż taki wodomierz może przepuścić; sprawdzamy odczyt",
    HoldCode.ESTIMATE_SETTLES_NEGATIVE: "zużycie oszacowano wcześniej za wysoko; poprawi to faktura korygująca",
    HoldCode.SELF_READING_COSTLY: "z podanego stanu wychodzi wysoka faktura; najpierw potwierdzimy odczyt",
    HoldCode.METERS_OVERLAP: "dwa wodomierze liczą te same dni; poprawiamy dane punktu",
    HoldCode.SUB_METERS: "za wodomierzem głównym są następne; dziś taki punkt rozliczamy",
    HoldCode.METERS_UNCLEAR: "dane wodomierzy tego punktu nie pasują do siebie; poprawiamy je",
    HoldCode.SUB_READINGS_APART: "wodomierz główny i dodatkowy odczytano w różne dni; potrzebny jest wspólny odczyt",
    HoldCode.DEDUCTION_TOO_HIGH: "wodomierze dodatkowe policzyły więcej niż główny; sprawdzamy odczyty i wodomierze",
    HoldCode.DIFFERENCE_NEGATIVE: "lokale zużyły razem więcej, niż policzył wodomierz budynku; sprawdzamy odczyty",
    HoldCode.NO_METER: "nie wpisano wodomierza tego punktu; uzupełniamy dane",
    HoldCode.NO_PARTY: "brakuje płatnika albo nabywcy; uzupełniamy dane",
    HoldCode.PARTY_CHANGED: "zmienił się odbiorca, a brakuje odczytu z dnia zmiany; prosimy o stan z tego dnia",
    HoldCode.REGISTRY_CHANGED: "dane umowy właśnie się zmieniły; obejmie je następna faktura",
    HoldCode.NO_PRICE: "brakuje ceny na te dni; fakturę wystawimy po uzupełnieniu taryfy albo cennika",
    HoldCode.AREA_MISSING: "nie znamy powierzchni, od której liczy się wody opadowe; uzupełniamy ją",
    HoldCode.FORECAST_UNKNOWN: "nie wiadomo, jaką ilość przyjąć do prognozy; potrzebny jest odczyt albo ilość z umowy",
    HoldCode.PRICE_CHANGE: "między odczytami zmienia się cena; prosimy o stan z dnia zmiany",
    HoldCode.SUBSIDY_TOO_HIGH: "dopłata gminy przewyższa kwotę faktury; sprawdzamy ją",
    HoldCode.UNPRINTABLE: "w nazwie albo adresie jest znak, którego nie możemy wydrukować; poprawiamy dane",
    HoldCode.KSEF_ROUTE: "fakturę nabywca otrzyma przez KSeF, nie na papierze ani e-mailem",
    HoldCode.CONTRACT_INACTIVE: "w tych miesiącach nie obowiązuje umowa; nie ma czego fakturować",
    HoldCode.IN_OTHER_CYCLE: "te miesiące obejmuje inna faktura",
    HoldCode.NOTHING_TO_BILL: "nic nie zużyto, a taryfa nie ma abonamentu; nie ma czego fakturować",
    HoldCode.NOTHING_TO_CORRECT: "po ponownym przeliczeniu nic się na fakturach nie zmienia",
}
"""One sentence for each code, without a full stop."""

FACTS = {
    "point_no": "punkt",
    "behind": "za nim punkt",
    "front": "budynek",
    "meter_no": "wodomierz",
    "meters": "wodomierze",
    "previous_read_on": "odczyt poprzedni",
    "previous_index_m3": "stan poprzedni",
    "read_on": "odczyt bieżący",
    "index_m3": "stan bieżący",
    "removed_on": "zdjęty",
    "wanted_on": "potrzebny odczyt z dnia",
    "read_from": "odczytany od",
    "read_until": "odczytany do",
    "wanted_from": "potrzebny od",
    "wanted_until": "potrzebny do",
    "changes_on": "dzień zmiany ceny",
    "changed_on": "dzień zmiany odbiorcy",
    "billed_from": "rozlicza się od",
    "on": "dzień",
    "period": "miesiące",
    "service": "usługa",
    "main_m3": "wodomierz główny",
    "behind_m3": "wodomierze za nim",
    "volume_m3": "ilość",
    "days": "dni",
    "gross_zl": "kwota brutto",
    "subsidy_zl": "dopłata",
    "self_invoice_max_zl": "granica",
    "diameter_mm": "średnica w mm",
    "item": "pozycja cennika",
    "reason": "powód",
}
"""Facts that mean something outside the office, as they are named; the others stand only in the form for auditors."""

REASONS = {
    "none": "nie ma odczytu",
    "suspect": "odczyt czeka na sprawdzenie",
    "contradicted": "inny odczyt mu przeczy",
    "older_than_previous": "odczyt jest starszy niż rozliczony",
    "used_in_no_time": "zużycie w ciągu jednego dnia",
    "before_contract": "odczyt sprzed umowy",
    "after_contract": "odczyt po końcu umowy",
    "contract_changed": "umowa się zmieniła",
    "no_access": "brak dostępu",
    "covered": "wodomierz zakryty",
    "damaged": "wodomierz uszkodzony",
    "frozen": "wodomierz zamarznięty",
    "no_signal": "brak sygnału",
    "refused": "odmowa",
    "quantity_in_contract": "ilość za te dni podaje umowa",
    "percentages_differ": "udziały wodomierzy głównych są różne",
    "no_main_meter": "nie ma wodomierza głównego",
    "no_tariff": "nie obowiązuje żadna taryfa",
    "no_group": "żadna grupa taryfowa nie pasuje",
    "no_price": "taryfa nie ma tej ceny",
    "tariff_classes_differ": "punkty mają różne stawki abonamentu",
    "not_in_price_list": "cennik nie ma tej pozycji",
    "nip": "podano NIP do umowy",
    "not_a_natural_person": "nabywca nie jest osobą fizyczną",
}
"""Reasons that a hold gives beside its code."""

_UNKNOWN = "unknown"
_DAYS = ("_on", "_from", "_until")


def tell_facts(facts: Mapping[str, str]) -> str:
    """The facts of a hold that a customer can follow, in one line; empty when there is none."""
    told = {name: _value(name, value) for name, value in facts.items() if name in FACTS}
    return ", ".join(f"{FACTS[name]}: {value}" for name, value in told.items() if value)


def _value(name: str, value: str) -> str:
    if name == "reason":
        return REASONS.get(value, "")
    if name == "service":
        return SERVICES[Service(value)] if value in set(Service) else value
    if value == _UNKNOWN:
        return "nieznana"
    try:
        if name.endswith("_m3"):
            return format_m3(Decimal(value))
        if name.endswith("_zl"):
            return format_zl(Decimal(value))
        return format_date(date.fromisoformat(value)) if name == "on" or name.endswith(_DAYS) else value
    except (ValueError, InvalidOperation):  # a figure that cannot be written as a Polish one stays as it is
        return value
