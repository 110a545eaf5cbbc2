"""Names of domains as data: which ends of a word make it a link, and which names belong to everybody.

Both lists are chosen, not complete: a word with a scheme, `www.`, a path or a port is a link whatever it ends in.
"""

from __future__ import annotations

from typing import Final

import phonenumbers

_GENERAL: Final = (
    "com net org info biz name pro mobi tel travel jobs asia cat coop aero museum int edu gov mil arpa xxx post "
    "app dev page web site website online store shop shopping buy sale deals blog news media press email chat social "
    "club vip fun win bid loan date men review stream download trade party science racing accountant faith cricket "
    "top xyz icu cyou cfd sbs rest bar buzz monster quest click link live life world today space tech cloud host "
    "digital network systems support help center services solutions agency company group team work works zone one "
    "bank finance financial money cash credit loans tax fund insurance pay cards bet casino poker games game play "
    "art design photo photos video tv music film movie studio gallery house homes rent apartments land garden "
    "health care clinic doctor dental fit yoga beauty fashion style wiki guide tips reviews directory education "
    "school academy university courses college training events tickets party tours holiday flights hotel hostel "
    "restaurant cafe pizza bio eco green energy auto car cars bike taxi delivery express parts repair tools "
    "construction builders contractors engineering industries consulting legal law lawyer attorney jobs careers "
    "foundation charity church community family kids baby dog pet gift gifts codes software domains hosting "
    "global international country city nyc london berlin paris amsterdam oslo stockholm moe ninja rocks cool lol wtf "
    "zip mov foo bar day new how soy ing meme dad esq phd prof boo rsvp channel google gle goo "
    "рф онлайн сайт москва 中国 公司 网络 在线"
)
# Country codes of ISO 3166 are the top-level domains of their countries; these are beside them.
_BESIDE: Final = ("uk", "eu", "ac", "su", "aq", "gs", "tf", "bv", "um")
TOP_LEVEL: Final = frozenset([*_GENERAL.split(), *_BESIDE, *(code.lower() for code in phonenumbers.SUPPORTED_REGIONS)])
"""Ends that make a link of a word with a dot: every country's, and general ones in use."""

_OF_EVERYBODY: Final = (
    "kommune.no fylkeskommune.no priv.no vgs.no museum.no idrett.no folkebibl.no fylkesbibl.no herad.no oslo.no dep.no "
    "stat.no mil.no co.no co.uk org.uk ac.uk gov.uk me.uk com.au net.au org.au co.nz co.jp com.br com.tr co.za co.in "
    "com.sg com.cn github.io gitlab.io netlify.app vercel.app pages.dev workers.dev web.app firebaseapp.com "
    "herokuapp.com blogspot.com wordpress.com wixsite.com weebly.com azurewebsites.net cloudfront.net "
    "amazonaws.com appspot.com ngrok.io ngrok-free.app duckdns.org bit.ly tinyurl.com t.co goo.gl"
)
SHARED: Final = frozenset(_OF_EVERYBODY.split())
"""Names under which anybody can have a name or a page of his own: none of them stands for one owner."""
