"""The same leads created and converted through a CRM's own interface (Tryton's JSON-RPC) and through ours."""
