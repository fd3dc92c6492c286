"""Meta: WhatsApp over its Cloud API, and Facebook Messenger over its Send API, both at the Graph API.

https://developers.facebook.com/docs/whatsapp/cloud-api and https://developers.facebook.com/docs/messenger-platform
"""

from providers.meta.adapter import Meta

__all__ = ["Meta"]
