"""A web page to generate, describe and edit faces. `DemoActions` has the functions, `page` the layout in Gradio."""
